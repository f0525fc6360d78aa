const PREFIX = 'voxlog.';

/**
 * A storage of the page, by JSON. Without one, or where the browser refuses it, what is kept lives as long as the page.
 * @param {Storage} [storage]
 */
export function keeper(storage) {
  const memory = new Map();
  return {
    get(name) {
      try {
        const text = storage ? storage.getItem(PREFIX + name) : memory.get(name);
        return text === null || text === undefined ? undefined : JSON.parse(text);
      } catch {
        return undefined;
      }
    },
    set(name, value) {
      const gone = value === null || value === undefined;
      if (!storage) return gone ? memory.delete(name) : memory.set(name, JSON.stringify(value));
      try {
        return gone ? storage.removeItem(PREFIX + name) : storage.setItem(PREFIX + name, JSON.stringify(value));
      } catch {
        return undefined;
      }
    },
  };
}
