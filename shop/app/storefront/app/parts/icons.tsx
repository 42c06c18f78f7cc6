/** Small drawings in the colour of the text. They only repeat what a text says. */
const PATHS = {
  done: 'm5 12.5 4.5 4.5L19 7.5',
  failed: 'm7 7 10 10M17 7 7 17',
  undone: 'M8.5 6 5 9.5 8.5 13M5.5 9.5H14a4.5 4.5 0 0 1 0 9h-3',
  search: 'M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13Zm5-1.5L20 20',
  cart: 'M4 5h2.2l2 10.2h9.3L19.5 8H7M9.5 19.4h.01M16.5 19.4h.01',
  person: 'M12 12a3.8 3.8 0 1 0 0-7.6 3.8 3.8 0 0 0 0 7.6Zm-7 8c.5-3.6 3.3-5.5 7-5.5s6.500 1.900 7 5.500',
  box: 'M4.500 8 12 4l7.500 4v8L12 20l-7.500-4V8Zm0 0L12 12l7.500-4M12 12v8',
} as const;

export function Icon({ name }: { name: keyof typeof PATHS }) {
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
