/**
 * The function that calls `act` and never from within itself: where `act` leads to another call, it is called once more
 * when it has returned.
 */
export function notNested(act: () => void): () => void {
  let isActing = false;
  let isWanted = false;
  return () => {
    isWanted = true;
    if (isActing) return;
    isActing = true;
    try {
      while (isWanted) {
        isWanted = false;
        act();
      }
    } finally {
      isActing = false;
    }
  };
}
