create table thing (
  id   uuid primary key,
  key  int not null,
  turn int not null
);

-- What was done about a thing. Nothing here keeps a second effect out: that is for what is measured to do.
create table effect (
  at      bigint generated always as identity,
  kind    text not null,
  thing   uuid not null,
  key     int not null,
  turn    int not null
);
create index effect_kind_thing on effect (kind, thing);
