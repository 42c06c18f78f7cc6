/** The picture of a product. Its name stands beside it, so that it need not be read out again. */
export function Picture({ sku, isLarge = false }: { sku: string; isLarge?: boolean }) {
  return (
    <img
      className="picture"
      src={`/images/${encodeURIComponent(sku)}.svg`}
      alt=""
      width="400"
      height="400"
      loading={isLarge ? 'eager' : 'lazy'}
      decoding="async"
    />
  );
}
