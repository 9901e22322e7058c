/** Runs a task that must not overlap itself: whoever asks while it runs gets the run after it, together with all others who wait. */

export function oneAtATime<T>(task: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | null = null;
  let next: Promise<T> | null = null;

  function start(): Promise<T> {
    const run = task().finally(() => {
      running = null;
    });
    running = run;
    return run;
  }

  return () => {
    if (running === null) return start();
    next ??= running
      .catch(() => null) // Its own callers are told.
      .then(() => {
        next = null;
        return start();
      });
    return next;
  };
}
