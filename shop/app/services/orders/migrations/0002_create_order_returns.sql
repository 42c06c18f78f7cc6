-- What of an order comes back: whatever is approved counts, until the return is refused after all.
create table order_returns (
  return_id text primary key,
  order_id text not null,
  -- JSON: sku and quantity, read as a whole only
  lines text not null,
  status text not null check (status in ('approved', 'withdrawn'))
);
create index order_returns_of_order on order_returns (order_id);
