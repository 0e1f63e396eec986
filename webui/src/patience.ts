// Bearing with a server that starts anew: without a word at first, and asked less and less often.

export const QUIET_MS = 3000; // of silence that nobody is told of: a service that starts anew is back by then
const FIRST_MS = 250;
const MOST_MS = 1500; // so that whatever was silent is found again within a few seconds

/** Ms until something is asked for the nth time again. Up to half of it is chance: not all pages come back at once. */
export function pause(nth: number): number {
  return spread(Math.min(MOST_MS, FIRST_MS * 2 ** nth));
}

/** Half of `ms`, and more by chance, up to all of it. */
export function spread(ms: number): number {
  return ms * (0.5 + Math.random() / 2);
}

/** Do it; again while it fails in a way that `mends`, up to QUIET_MS after the first time. Throws what the last one threw. */
export async function patiently<T>(once: () => Promise<T>, mends: (error: unknown) => boolean): Promise<T> {
  const end = performance.now() + QUIET_MS;
  for (let nth = 0; ; nth++) {
    try {
      return await once();
    } catch (error) {
      const left = end - performance.now();
      if (!mends(error) || left <= 0) throw error;
      await new Promise((resolve) => window.setTimeout(resolve, Math.min(pause(nth), left)));
    }
  }
}
