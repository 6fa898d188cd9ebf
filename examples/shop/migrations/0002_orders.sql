create table "order" (
  id          uuid primary key default gen_random_uuid(),
  status      text not null default 'placed',
  total_cents bigint not null check (total_cents >= 0),
  currency    char(3) not null,
  created_at  timestamptz not null default now()
);

create table order_item (
  order_id         uuid not null references "order" on delete cascade,
  product_id       int not null references product,
  quantity         int not null check (quantity > 0),
  unit_price_cents int not null check (unit_price_cents >= 0),
  primary key (order_id, product_id)
);
