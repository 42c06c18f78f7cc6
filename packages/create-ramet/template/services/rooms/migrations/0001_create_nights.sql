create table nights (
  room text not null,
  night text not null,
  booking_id text not null,
  primary key (room, night)
);
