create table orders (
  order_id text primary key,
  customer_id text not null,
  status text not null check (status in ('pending', 'confirmed', 'cancelled')),
  reason text,
  total bigint not null,
  -- JSON: the lines as they were sold, read as a whole only
  lines text not null,
  placed_at text not null,
  cancel_requested integer not null default 0,
  -- how many entries the history has: the number of the last one
  entries integer not null
);
-- Order ids sort by time, so this is also "the latest orders of a customer".
create index orders_of_customer on orders (customer_id, order_id);

create table order_history (
  order_id text not null,
  seq integer not null,
  at text not null,
  -- of the order, from this entry on
  status text not null,
  what text not null,
  primary key (order_id, seq)
);
