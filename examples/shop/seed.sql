-- 50 categories and 100,000 products, the same on every machine.
insert into category (name)
select format('%s %s', kind, thing)
from unnest(array['Garden', 'Kitchen', 'Office', 'Travel', 'Workshop']) as kind,
  unnest(array['basics', 'books', 'cables', 'cases', 'lamps', 'paper', 'parts', 'sets', 'spares', 'tools']) as thing
order by kind, thing;

insert into product (sku, name, description, price_cents, currency, stock, category_id, updated_at)
select
  format('SKU-%s', lpad(n::text, 6, '0')),
  format('%s %s no. %s',
    (array['Plain', 'Sturdy', 'Light', 'Folding', 'Compact', 'Large', 'Quiet', 'Bright'])[1 + n % 8],
    (array['lamp', 'box', 'stand', 'cable', 'case', 'clamp', 'tray'])[1 + n % 7], n),
  rpad(format('Product %s is made to be used every day. ', n), 300,
    'It ships within two days, comes with a warranty of two years, and can be sent back within thirty days. '),
  100 + (n::bigint * 7919) % 50000,
  'EUR',
  10 + (n::bigint * 104729) % 990,
  1 + n % 50,
  timestamptz '2026-01-01 00:00:00+00' + make_interval(mins => n)
from generate_series(1, 100000) as n;

analyze category;
analyze product;
