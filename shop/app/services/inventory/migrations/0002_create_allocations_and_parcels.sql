-- What pre-orders wait for. Ids sort by time, so the first id that waits is the one that waits longest.
create table allocations (
  preorder_id text primary key,
  sku text not null,
  quantity integer not null check (quantity > 0),
  -- called off: cancelled before anything was held; stands also for a pre-order whose placing is not known yet
  status text not null check (status in ('waiting', 'allocated', 'sold', 'released', 'called off'))
);
create index allocations_that_wait on allocations (sku, preorder_id) where status = 'waiting';

-- What customers send back.
create table parcels (
  return_id text primary key,
  -- JSON, read as a whole only
  lines text not null,
  -- what the customer wrote
  because text not null,
  status text not null check (status in ('expected', 'received', 'rejected', 'restocked', 'sent back'))
);
