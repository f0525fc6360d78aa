/** How long anything may take here, on a machine that does other things beside. */
const WITHIN_MS = 30_000;

/** Asks until the answer is true, and gives it back. Fails with the name of what was waited for, and what came last. */
export async function until(what, ask, withinMs = WITHIN_MS) {
  const end = Date.now() + withinMs;
  let last;
  for (;;) {
    try {
      last = await ask();
      if (last) return last;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end)
      throw new Error(
        `in vain for ${withinMs / 1000} s: ${what} (${last instanceof Error ? last.stack : JSON.stringify(last)})`,
      );
    await new Promise((resolve) => {
      setTimeout(resolve, 50);
    });
  }
}
