create table entries (
  event_id text primary key,
  type text not null,
  key text not null,
  at text not null,
  correlation_id text not null,
  -- JSON, as the event bore it
  data text not null,
  -- How often the event took effect. More than once would be an error of the inbox; here it can be seen.
  times integer not null
);
create index entries_of_key on entries (key, at);
