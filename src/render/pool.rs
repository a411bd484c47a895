//! The render threads: few, named, each with its own pipelines.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

use crate::chunk::{ChunkSpec, Part};
use crate::render::queue::Queue;
use crate::render::{Priority, RenderError, RenderStats, Renderer, SharedLayers, Urgency};

/// The most chunks that may wait: a dozen hour-long videos.
pub const MAX_WAITING: usize = 16_384;

/// Where a chunk's parts go. Called on a render thread; must not wait.
pub trait PartSink: Send {
    /// Whether anybody waits for the chunk; if not, it is dropped unrendered.
    fn is_wanted(&self) -> bool;

    /// The next part. An error (nobody wants it any more) ends the rendering.
    fn part(&mut self, part: Part) -> Result<(), RenderError>;

    /// It is over, or never began. Called exactly once, unless the job is dropped
    /// unrendered.
    fn done(self: Box<Self>, outcome: Result<RenderStats, RenderError>);
}

/// A chunk to be rendered.
pub struct Job {
    /// What.
    pub spec: Arc<ChunkSpec>,
    /// Which of its layers others have too.
    pub shared: SharedLayers,
    /// Where to.
    pub sink: Box<dyn PartSink>,
}

/// Render threads behind a queue. Dropping it ends them after the chunks that
/// they are at.
pub struct RenderPool {
    renderer: Arc<Renderer>,
    queue: Arc<Queue<Job>>,
    busy: Arc<AtomicUsize>,
    threads: Vec<JoinHandle<()>>,
}

impl RenderPool {
    /// Starts `threads` (at least one) threads.
    pub fn start(renderer: Renderer, threads: usize) -> std::io::Result<Self> {
        let (renderer, queue) = (Arc::new(renderer), Arc::new(Queue::new(MAX_WAITING)));
        let mut pool = Self {
            renderer,
            queue,
            busy: Arc::default(),
            threads: Vec::new(),
        };
        for index in 0..threads.max(1) {
            let (renderer, queue) = (Arc::clone(&pool.renderer), Arc::clone(&pool.queue));
            let busy = Arc::clone(&pool.busy);
            let work = move || {
                while let Some(job) = queue.pop() {
                    busy.fetch_add(1, Ordering::Relaxed);
                    run(&renderer, job);
                    busy.fetch_sub(1, Ordering::Relaxed);
                }
            };
            pool.threads.push(
                std::thread::Builder::new()
                    .name(format!("render-{index}"))
                    .spawn(work)?,
            );
        }
        Ok(pool)
    }

    /// Queues a chunk; one that finds no room, though what nobody wants made way,
    /// fails with [`RenderError::Busy`].
    pub fn submit(&self, urgency: Urgency, job: Job) {
        let key = job.spec.key();
        let pushed = self.queue.push(key, urgency, job).or_else(|(job, _)| {
            self.queue.sweep(|job| job.sink.is_wanted());
            self.queue.push(key, urgency, job)
        });
        if let Err((job, full)) = pushed {
            job.sink.done(Err(RenderError::Busy(full)));
        }
    }

    /// Makes a waiting chunk at least this urgent.
    pub fn promote(&self, key: &crate::chunk::ChunkKey, priority: Priority) {
        self.queue.promote(key, priority);
    }

    /// What renders, for what needs no queue.
    pub fn renderer(&self) -> &Arc<Renderer> {
        &self.renderer
    }

    /// How many chunks wait, how many threads render and how many there are.
    pub fn load(&self) -> (usize, usize, usize) {
        (
            self.queue.len(),
            self.busy.load(Ordering::Relaxed),
            self.threads.len(),
        )
    }
}

fn run(renderer: &Renderer, mut job: Job) {
    if !job.sink.is_wanted() {
        return;
    }
    let Job { spec, shared, sink } = &mut job;
    let mut emit = |part| sink.part(part);
    // A bug in drawing one chunk must not take a render thread with it.
    let rendered = catch_unwind(AssertUnwindSafe(|| {
        renderer.render(spec, *shared, &mut emit)
    }));
    let outcome = rendered.unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<String>().cloned();
        let message =
            message.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(RenderError::Panicked(message.unwrap_or_default()))
    });
    job.sink.done(outcome);
}

impl Drop for RenderPool {
    fn drop(&mut self) {
        self.queue.close();
        for thread in self.threads.drain(..) {
            // `run` catches panics, so there is nothing that joining could tell.
            let _ = thread.join();
        }
    }
}
