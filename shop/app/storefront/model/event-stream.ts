/**
 * Reads server-sent events out of text that comes in pieces: `EventSource` cannot send a token, so the stream is fetched.
 * @returns a function that takes the next piece and gives the data of the events that it completes
 */
export function eventReader(): (piece: string) => string[] {
  let rest = '';
  return (piece) => {
    const blocks = (rest + piece).split('\n\n');
    rest = blocks.pop() ?? '';
    return blocks.flatMap((block) => {
      const data = block.split('\n').flatMap((line) => (line.startsWith('data:') ? [line.slice('data:'.length).replace(/^ /, '')] : []));
      return data.length > 0 ? [data.join('\n')] : [];
    });
  };
}
