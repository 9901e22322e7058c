/** The last few of something: a new one takes the place of the oldest. */

export class Ring<T> {
  /** In the order of their places, not of their ages. */
  readonly all: T[] = [];
  readonly #size: number;
  #oldest = 0;

  constructor(size: number) {
    this.#size = size;
  }

  add(one: T): void {
    this.all[this.#oldest] = one;
    this.#oldest = (this.#oldest + 1) % this.#size;
  }
}
