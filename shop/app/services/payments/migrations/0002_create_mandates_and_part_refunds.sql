alter table payments add column refunded bigint not null default 0;

-- What customers of pre-orders allow to be charged. Allowance, goods and cancellation come from three sides, in any order:
-- each makes the row where there is none.
create table mandates (
  order_id text primary key,
  amount bigint,
  card_token text,
  -- the goods are there
  due integer not null,
  status text not null check (status in ('open', 'used', 'revoked'))
);

create table part_refunds (
  return_id text primary key,
  order_id text not null,
  amount bigint not null,
  status text not null check (status in ('requested', 'refunded', 'refused'))
);
