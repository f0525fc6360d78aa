const KEY = 'voxlog.voice';

/** The devices of choice, kept for this browser. */
export function settings(storage = globalThis.localStorage) {
  const values = { processing: true, ...read(storage) };
  return {
    values,
    keep(change) {
      Object.assign(values, change);
      try {
        storage.setItem(KEY, JSON.stringify(values));
      } catch {
        // Then they last as long as the page.
      }
    },
  };
}

function read(storage) {
  try {
    return JSON.parse(storage.getItem(KEY));
  } catch {
    return null;
  }
}
