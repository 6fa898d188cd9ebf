create table category (
  id   int generated always as identity primary key,
  name text not null unique
);

create table product (
  id          int generated always as identity primary key,
  sku         text not null unique,
  name        text not null,
  description text not null,
  price_cents int not null check (price_cents >= 0),
  currency    char(3) not null,
  stock       int not null check (stock >= 0),
  category_id int not null references category,
  updated_at  timestamptz not null default now()
);

create index product_category on product (category_id, id);
