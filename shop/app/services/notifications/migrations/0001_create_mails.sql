-- Names and addresses as users told them: a mail is not held up by another service.
create table customers (
  customer_id text primary key,
  email text not null,
  name text not null
);

create table mails (
  fact text primary key,
  recipient text not null,
  subject text not null,
  status text not null check (status in ('requested', 'sent', 'refused')),
  requested_at text not null
);
