//! A viewer's seat in a room.

use std::fmt;
use std::sync::Arc;

use tokio::time::Instant;

use super::JoinError;
use super::live_room::LiveRoom;
use crate::room::{Generation, Role, ViewerId};

/// A seat in a room; dropped, its viewer has left.
pub struct Seat {
    room: Arc<LiveRoom>,
    viewer: ViewerId,
    role: Role,
    /// When he asked for it, until he has his first frame.
    asked: Option<Instant>,
}

impl Seat {
    pub(super) const fn new(
        room: Arc<LiveRoom>,
        viewer: ViewerId,
        role: Role,
        asked: Instant,
    ) -> Self {
        Self {
            room,
            viewer,
            role,
            asked: Some(asked),
        }
    }

    /// What he was when he came.
    pub const fn role(&self) -> Role {
        self.role
    }

    /// Which of the rooms of its name he is in.
    pub fn generation(&self) -> Generation {
        self.room.generation()
    }

    /// He is given a frame; of the first it is noted how long he waited for it.
    pub fn given(&mut self) {
        if let Some(asked) = self.asked.take() {
            self.room.waited(asked.elapsed());
        }
    }

    /// Why the room is closed, as it is.
    pub fn ended(&self) -> JoinError {
        self.room.why().map_or(JoinError::Over, JoinError::from)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.room.leave(self.viewer);
    }
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seat")
            .field("viewer", &self.viewer)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}
