// What the browser has really put on screen: waiting for one picture, following the pictures while playing.
// Instants are UTC microseconds.
import { type Gop, type GopBuffer, pictureIndex } from "./buffer";
import { SECOND } from "./time";

const FRAME_MS = 120; // after `seeked`, how long a frame callback is waited for: some seeks never call it
const SAME = 2000; // us between a picture's own time and the browser's rounding of it

/** Do something that changes the picture, and wait until `picture` is on screen. */
export function presented(video: HTMLVideoElement, buffer: GopBuffer, picture: number, go: () => void): Promise<"frame" | "seeked"> {
  return new Promise((resolve) => {
    let late = 0;
    const onSeeked = (): void => {
      late = window.setTimeout(() => done("seeked"), FRAME_MS);
    };
    const onFrame = (_now: number, shown: VideoFrameCallbackMetadata): void => {
      if (Math.abs(buffer.instant(shown.mediaTime) - picture) < SAME) done("frame");
      else callback = video.requestVideoFrameCallback(onFrame);
    };
    const done = (by: "frame" | "seeked"): void => {
      clearTimeout(late);
      video.cancelVideoFrameCallback(callback);
      video.removeEventListener("seeked", onSeeked);
      resolve(by);
    };
    let callback = video.requestVideoFrameCallback(onFrame);
    video.addEventListener("seeked", onSeeked, { once: true });
    go();
  });
}

/** Seek to the middle of the picture that holds the instant, and wait until it is on screen: its own instant. */
export async function shown(video: HTMLVideoElement, buffer: GopBuffer, gop: Gop, at: number): Promise<{ at: number; by: "frame" | "seeked" }> {
  const index = pictureIndex(gop, at);
  const picture = gop.pictures[index] ?? gop.start;
  const following = gop.pictures[index + 1] ?? gop.end;
  const by = await presented(video, buffer, picture, () => {
    video.currentTime = buffer.mediaTime(picture + Math.min((following - picture) / 2, SECOND));
  });
  return { at: picture, by };
}

/** Tell the instant of every picture that the browser composes; false from `tell` ends it. */
export function follow(video: HTMLVideoElement, buffer: GopBuffer, tell: (at: number) => boolean): void {
  const next = (_now: number, shown: VideoFrameCallbackMetadata): void => {
    if (tell(buffer.instant(shown.mediaTime))) video.requestVideoFrameCallback(next);
  };
  video.requestVideoFrameCallback(next);
}
