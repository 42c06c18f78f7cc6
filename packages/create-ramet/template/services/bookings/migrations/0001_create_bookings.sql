create table bookings (
  booking_id text primary key,
  guest text not null,
  room text not null,
  nights text not null, -- JSON
  status text not null,
  reason text
);
