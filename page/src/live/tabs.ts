// A browser keeps six connections to a server, whatever the number of its pages, and the stream of a page holds one. So a page in the
// background gives up its own once some others have been looked at, and takes it up again when somebody comes back.

/** So many others. With those that are seen, and one for questions, that makes six. */
const OTHERS = 3;

export function shareConnections(release: () => void, resume: () => void): void {
  const channel = new BroadcastChannel("pikos");
  const mine = String(Math.random());
  const looked = new Set<string>();
  let isReleased = false;
  channel.addEventListener("message", ({ data }) => {
    if (!document.hidden || isReleased) return;
    looked.add(String(data));
    if (looked.size < OTHERS) return;
    isReleased = true;
    release();
  });
  document.addEventListener("visibilitychange", () => {
    looked.clear();
    if (document.hidden) return;
    channel.postMessage(mine);
    if (isReleased) resume();
    isReleased = false;
  });
  channel.postMessage(mine);
}
