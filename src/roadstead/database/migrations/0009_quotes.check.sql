SELECT 'a remittance whose amounts are not those of its quote' FROM remittances AS r JOIN quotes AS q ON q.id = r.quote_id
WHERE (r.asset_in, r.amount_in_units, r.asset_out, r.service_fee_units)
    IS DISTINCT FROM (q.sell_asset, q.sell_units, q.buy_asset, q.fee_units)
