/**
 * Functions of PostgreSQL itself that change no data: a statement that calls others might. Locks, sequences,
 * settings and notifications are left out on purpose, like all that few queries call.
 *
 * @see https://www.postgresql.org/docs/18/functions.html
 */
export const readOnlyFunctions: ReadonlySet<string> = new Set(
  `
  array_agg avg bit_and bit_or bit_xor bool_and bool_or count json_agg json_object_agg jsonb_agg
  jsonb_object_agg max min range_agg string_agg sum xmlagg any_value corr covar_pop covar_samp regr_slope
  regr_intercept regr_r2 stddev stddev_pop stddev_samp var_pop var_samp variance percentile_cont percentile_disc
  row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value nth_value grouping
  coalesce nullif greatest least num_nulls num_nonnulls
  abs cbrt ceil ceiling degrees div exp factorial floor gcd lcm ln log10 mod pi power radians random round 
  sqrt trim_scale trunc width_bucket acos asin atan atan2 cos cot sin tan
  ascii bit_length btrim char_length character_length chr concat concat_ws convert convert_from convert_to decode
  encode format initcap left length lower lpad ltrim md5 normalize octet_length position quote_ident
  quote_literal quote_nullable regexp_count regexp_instr regexp_like regexp_match regexp_matches regexp_replace
  regexp_split_to_array regexp_split_to_table regexp_substr repeat replace reverse right rpad rtrim sha224 sha256
  sha384 sha512 split_part starts_with strpos substr substring to_ascii to_hex translate trim upper unistr
  age clock_timestamp date_bin date_part date_trunc extract isfinite justify_days justify_hours justify_interval
  localtime localtimestamp current_time current_timestamp make_date make_interval make_time make_timestamp
  make_timestamptz now statement_timestamp timeofday to_char to_date to_number to_timestamp transaction_timestamp
  gen_random_uuid uuidv4 uuidv7 uuid_extract_timestamp uuid_extract_version
  array_append array_cat array_dims array_fill array_length array_lower array_ndims array_position array_positions
  array_prepend array_remove array_replace array_sample array_shuffle array_to_string array_upper cardinality
  string_to_array string_to_table trim_array unnest generate_series generate_subscripts
  json_array_elements json_array_elements_text json_array_length json_build_array json_build_object json_each
  json_each_text json_extract_path json_extract_path_text json_object json_object_keys json_populate_record
  json_populate_recordset json_strip_nulls json_to_record json_to_recordset json_typeof json_value json_query
  json_exists json_table json_scalar json_array json_objectagg json_arrayagg
  jsonb_array_elements jsonb_array_elements_text jsonb_array_length jsonb_build_array jsonb_build_object jsonb_each
  jsonb_each_text jsonb_extract_path jsonb_extract_path_text jsonb_insert jsonb_object jsonb_object_keys
  jsonb_path_exists jsonb_path_match jsonb_path_query jsonb_path_query_array jsonb_path_query_first
  jsonb_populate_record jsonb_populate_recordset jsonb_pretty jsonb_set jsonb_set_lax jsonb_strip_nulls
  jsonb_to_record jsonb_to_recordset jsonb_typeof row_to_json to_json to_jsonb array_to_json
  isempty lower_inc lower_inf upper_inc upper_inf range_merge multirange int4range int8range numrange tsrange
  tstzrange daterange
  to_tsvector to_tsquery plainto_tsquery phraseto_tsquery websearch_to_tsquery ts_rank ts_rank_cd ts_headline
  setweight strip numnode querytree tsvector_to_array
  similarity word_similarity strict_word_similarity unaccent
  st_distance st_dwithin st_contains st_within st_intersects st_makepoint st_setsrid st_asgeojson st_x st_y
  current_schema current_schemas current_setting pg_typeof pg_column_size pg_size_pretty pg_relation_size
  pg_table_size pg_indexes_size pg_total_relation_size pg_database_size pg_get_indexdef pg_get_constraintdef
  pg_get_viewdef pg_get_expr format_type obj_description col_description to_regclass to_regtype has_table_privilege
  has_schema_privilege pg_table_is_visible pg_backend_pid pg_is_in_recovery pg_last_wal_replay_lsn
  pg_current_wal_lsn pg_current_wal_insert_lsn pg_wal_lsn_diff pg_sleep
  `.trim().split(/\s+/)
)
