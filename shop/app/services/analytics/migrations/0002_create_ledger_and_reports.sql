-- What was paid for an order, and what of it was given back, entered from what payments tells.
create table ledger (
  event_id text primary key,
  order_id text not null,
  amount bigint not null
);
create index ledger_by_order on ledger (order_id);

-- Days that were reported already.
create table reports (day text primary key);
