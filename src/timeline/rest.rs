//! When a clip stands still: told without working out its state in each frame.

use crate::profile::VideoProfile;
use crate::time::Time;
use crate::timeline::Clip;
use crate::timeline::motion::Motion;
use crate::timeline::transition::shares;

impl Clip {
    /// Whether its state is the same in all frames from `first` to `last` of the timeline,
    /// both included. May say no where it is.
    pub fn is_at_rest(&self, first: u32, last: u32, video: &VideoProfile) -> bool {
        let local = |frame: u32| video.rate.frame_start(i64::from(frame)) - self.start;
        let (first, last) = (local(first), local(last));
        let whole = self.whole();
        let lead = self.start - whole.start;
        first >= Time::ZERO
            && last < self.length
            && self
                .motion
                .is_at_rest(first + lead, last + lead, whole.length)
    }

    /// Whether it moves or fades for longer than its transitions take.
    pub fn is_moving(&self) -> bool {
        let motion = Motion {
            enter: None,
            leave: None,
            ..self.motion.clone()
        };
        let whole = self.whole();
        !motion.is_at_rest(Time::ZERO, whole.length, whole.length)
    }
}

impl Motion {
    /// The same by the own time of a clip that lasts `length`.
    fn is_at_rest(&self, first: Time, last: Time, length: Time) -> bool {
        // All of it: a field that is new has to be thought of here.
        let Self {
            fit: _,
            bounds: _,
            scale,
            anchor: _,
            offset_x,
            offset_y,
            opacity,
            angle,
            skew_x,
            skew_y,
            flip: _,
            enter,
            leave,
            effect,
        } = self;
        let (enter, leave) = shares(*enter, *leave, length);
        let curves = [scale, offset_x, offset_y, opacity, angle, skew_x, skew_y];
        effect.is_none()
            && first >= enter
            && length - last >= leave
            && curves.iter().all(|curve| curve.rests(first, last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::profile::Quality;
    use crate::time::FrameRate;
    use crate::timeline::curve::{Curve, Easing, Tween};
    use crate::timeline::transition::{Transition, TransitionKind};
    use crate::timeline::treatment::Treatment;
    use crate::timeline::{Content, Whole};

    #[test]
    fn a_clip_rests_between_its_transitions_and_tweens_and_is_seen_to() {
        let seconds = Time::from_seconds;
        let fade = Some(Transition {
            kind: TransitionKind::Fade,
            length: seconds(1),
        });
        let grow = Tween {
            from: 1.0,
            to: 2.0,
            start: seconds(4),
            length: seconds(1),
            easing: Easing::Linear,
        };
        let clip = Clip {
            label: String::new(),
            start: seconds(2),
            length: seconds(10),
            content: Content::Still {
                asset: Digest::of(b"x"),
                size: (100, 100),
                opaque: true,
            },
            treatment: Treatment::default(),
            mattes: Vec::new(),
            motion: Motion {
                enter: fade,
                leave: fade,
                scale: Curve::new(1.0, vec![grow]),
                ..Motion::default()
            },
            part_of: None,
            dynamic: false,
        };
        let video = VideoProfile {
            width: 100,
            height: 100,
            rate: FrameRate::new(10, 1).expect("supported"),
            quality: Quality::Medium,
        };
        for (first, last, rests) in [
            (15, 25, false),
            (20, 29, false),
            (30, 59, true),
            (30, 62, false),
            (60, 69, false),
            (70, 110, true),
            (70, 111, false),
            (115, 125, false),
        ] {
            assert_eq!(
                clip.is_at_rest(first, last, &video),
                rests,
                "{first} to {last}"
            );
            let state = clip.state(first, &video);
            let same = (first..=last).all(|frame| clip.state(frame, &video) == state);
            assert_eq!(same, rests, "{first} to {last}");
        }
        assert!(clip.is_moving());
        // A part of it that begins later moves with it all the same.
        let part = Clip {
            start: seconds(5),
            length: seconds(3),
            part_of: Some(Whole {
                start: clip.start,
                length: clip.length,
            }),
            ..clip.clone()
        };
        for (first, last, rests) in [(50, 59, true), (55, 65, false), (70, 79, true)] {
            assert_eq!(part.is_at_rest(first, last, &video), rests, "{first}");
        }
        let still = Clip {
            motion: Motion {
                enter: fade,
                ..Motion::default()
            },
            ..clip
        };
        assert!(!still.is_moving());
    }
}
