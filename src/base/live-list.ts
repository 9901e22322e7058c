/** What is under way, added and removed in any order. Unlike a Map or a Set it never grows a new table that dead ones keep alive: those made every collection promote what had long ended. */

export interface LiveEntry<T> {
  readonly value: T | null;
}

class Entry<T> implements LiveEntry<T> {
  value: T | null;
  previous: Entry<T> | null = null;
  next: Entry<T> | null = null;

  constructor(value: T) {
    this.value = value;
  }
}

export class LiveList<T> {
  size = 0;
  #first: Entry<T> | null = null;

  add(value: T): LiveEntry<T> {
    const entry = new Entry(value);
    entry.next = this.#first;
    if (this.#first !== null) this.#first.previous = entry;
    this.#first = entry;
    this.size++;
    return entry;
  }

  /** Of this list; later calls with the same entry do nothing. */
  remove(entry: LiveEntry<T>): void {
    const gone = entry as Entry<T>;
    if (gone.value === null) return;
    gone.value = null;
    if (gone.previous === null) this.#first = gone.next;
    else gone.previous.next = gone.next;
    if (gone.next !== null) gone.next.previous = gone.previous;
    gone.previous = null;
    gone.next = null;
    this.size--;
  }

  /** What is there now; later changes do not show. */
  toArray(): T[] {
    const values: T[] = [];
    for (let entry = this.#first; entry !== null; entry = entry.next) {
      if (entry.value !== null) values.push(entry.value);
    }
    return values;
  }
}
