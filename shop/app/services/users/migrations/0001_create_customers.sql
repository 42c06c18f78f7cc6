create table customers (
  customer_id text primary key,
  email text not null unique,
  name text not null,
  password_hash text not null,
  blocked integer not null default 0,
  registered_at text not null
);
