create table payments (
  order_id text primary key,
  payment_id text not null unique,
  amount bigint not null,
  status text not null check (status in ('requested', 'captured', 'declined', 'refunded')),
  -- what the provider calls it, once it is captured
  charge_id text
);
