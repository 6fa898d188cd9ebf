create index product_price on product (price_cents, id);
