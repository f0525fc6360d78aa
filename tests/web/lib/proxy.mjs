import net from 'node:net';

/**
 * The network between one person and the gateways: a port that leads to a gateway, to another one later, or nowhere.
 * A page that comes through it is cut off for real, its open socket included, and comes from one and the same origin
 * whichever gateway serves it.
 */
export class Proxy {
  #server;
  #wires = new Set();
  #target;
  #up = true;

  /** @param {string} gateway its origin */
  static async to(gateway) {
    const proxy = new Proxy();
    proxy.leadTo(gateway);
    proxy.#server = net.createServer((wire) => proxy.#connect(wire));
    await new Promise((resolve) => {
      proxy.#server.listen(0, '127.0.0.1', resolve);
    });
    proxy.origin = `http://127.0.0.1:${proxy.#server.address().port}`;
    return proxy;
  }

  /** Where connections lead from now on. */
  leadTo(gateway) {
    const { hostname, port } = new URL(gateway);
    this.#target = { host: hostname, port: Number(port) };
  }

  /** Ends everything and lets nobody through. */
  cut() {
    this.#up = false;
    for (const wire of this.#wires) wire.destroy();
  }

  heal() {
    this.#up = true;
  }

  close() {
    this.cut();
    this.#server.close();
  }

  #connect(wire) {
    if (!this.#up) return wire.destroy();
    const far = net.connect(this.#target);
    for (const [one, other] of [
      [wire, far],
      [far, wire],
    ]) {
      this.#wires.add(one);
      one.setNoDelay(true);
      one.on('error', () => {});
      one.on('close', () => {
        this.#wires.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
    return undefined;
  }
}
