create table shipment (
  order_id  uuid primary key references "order" on delete cascade,
  booked_at timestamptz not null default now()
);

create table notice (
  id         bigint generated always as identity primary key,
  order_id   uuid not null references "order" on delete cascade,
  text       text not null,
  created_at timestamptz not null default now()
);

create index notice_order on notice (order_id);
