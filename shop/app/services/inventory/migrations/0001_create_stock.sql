-- Everything ever received is available, reserved or sold: the three always add up.
create table stock (
  sku text primary key,
  available integer not null check (available >= 0),
  reserved integer not null check (reserved >= 0),
  sold integer not null check (sold >= 0),
  revision integer not null
);

create table reservations (
  order_id text not null,
  sku text not null,
  quantity integer not null check (quantity > 0),
  status text not null check (status in ('reserved', 'released', 'sold')),
  primary key (order_id, sku)
);
