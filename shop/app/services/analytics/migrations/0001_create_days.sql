-- One row per day (UTC) on which something happened.
create table days (
  day text primary key,
  placed integer not null,
  confirmed integer not null,
  cancelled integer not null,
  captured bigint not null,
  refunded bigint not null
);

-- How often each event took effect. More than once would be an error of the inbox; here it can be seen.
create table effects (
  event_id text primary key,
  type text not null,
  times integer not null
);
