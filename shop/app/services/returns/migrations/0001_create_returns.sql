create table returns (
  return_id text primary key,
  order_id text not null,
  customer_id text not null,
  -- as the customer gave it
  because text not null,
  stage text not null check (stage in ('requested', 'approved', 'received', 'refunded', 'completed', 'refused')),
  -- why it was refused
  reason text,
  -- in cents, once it is approved
  refund bigint,
  -- JSON, read as a whole only; as asked for, then as approved
  lines text not null,
  -- how many entries the history has: the number of the last one
  entries integer not null,
  -- how many facts came in: counting one locks the row, so that two of them never pass each other unseen
  facts integer not null
);
-- Return ids sort by time.
create index returns_of_order on returns (order_id, return_id);

create table return_history (
  return_id text not null,
  seq integer not null,
  at text not null,
  -- of the return, from this entry on
  status text not null,
  what text not null,
  primary key (return_id, seq)
);

-- What others told, whether or not its turn has come.
create table return_facts (
  return_id text not null,
  fact text not null,
  -- JSON: what came with it
  data text not null,
  primary key (return_id, fact)
);
