create table products (
  sku text primary key,
  name text not null,
  price bigint not null,
  category text not null,
  description text not null,
  image text not null,
  -- the words of name, category and description in the form that domain.ts gives to queries too
  words text not null
);
create index products_by_name on products (name, sku);

-- What inventory told last. A table of its own, because stock may arrive before the product is listed.
create table availability (
  sku text primary key,
  available integer not null,
  revision integer not null
);
