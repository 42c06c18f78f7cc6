create table shipments (
  order_id text primary key,
  shipment_id text not null unique,
  tracking_number text not null,
  status text not null check (status in ('booked', 'cancelled')),
  name text not null,
  street text not null,
  city text not null,
  country text not null
);
