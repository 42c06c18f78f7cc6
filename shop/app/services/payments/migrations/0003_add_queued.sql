-- whether it was told that the charge waits for the provider
alter table payments add column queued integer not null default 0;
