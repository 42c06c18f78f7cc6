/**
 * The idempotency key of something that must happen once: the same for every attempt at the same thing, over reloads too,
 * so that an order whose answer was lost is not placed a second time.
 * @param name of what is intended @param what is sent; anything else is another intention. Holds nothing secret
 */
export function keyOf(name: string, what: unknown): string {
  const wanted = JSON.stringify(what);
  const stored = JSON.parse(sessionStorage.getItem(`intent ${name}`) ?? 'null') as { key: string; wanted: string } | null;
  if (stored?.wanted === wanted) return stored.key;
  const key = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  sessionStorage.setItem(`intent ${name}`, JSON.stringify({ key, wanted }));
  return key;
}

/** It has happened: the same once more is something new. */
export const fulfilled = (name: string): void => sessionStorage.removeItem(`intent ${name}`);
