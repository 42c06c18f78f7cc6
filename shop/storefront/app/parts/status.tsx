const TONES: Readonly<Record<string, string>> = {
  confirmed: 'good',
  completed: 'good',
  refunded: 'good',
  cancelled: 'bad',
  refused: 'bad',
};

/** A status in one word. */
export function Status({ status }: { status: string }) {
  return <span className={`status status-${TONES[status] ?? 'open'}`}>{status.charAt(0).toUpperCase() + status.slice(1)}</span>;
}
