create table preorders (
  preorder_id text primary key,
  customer_id text not null,
  status text not null check (status in ('waiting', 'allocated', 'confirmed', 'cancelled')),
  reason text,
  sku text not null,
  -- as it was sold
  name text not null,
  price bigint not null,
  quantity integer not null,
  placed_at text not null,
  -- how many entries the history has: the number of the last one
  entries integer not null
);
-- Ids sort by time, so this is also "the latest pre-orders of a customer".
create index preorders_of_customer on preorders (customer_id, preorder_id);

create table preorder_history (
  preorder_id text not null,
  seq integer not null,
  at text not null,
  -- of the pre-order, from this entry on
  status text not null,
  what text not null,
  primary key (preorder_id, seq)
);
