"""What PostgreSQL keeps up to date by itself in the transaction that makes a change: the same as SQLite (sqlite_triggers.py)."""

from __future__ import annotations

_COUNT = """CREATE FUNCTION notebook_img_count_{0}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    UPDATE counts SET changes = changes + 1, {0} = {0} + CASE TG_OP WHEN 'INSERT' THEN 1 ELSE -1 END;
    RETURN NULL;
END $$"""
_BOOK = """CREATE FUNCTION notebook_img_book() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF TG_OP <> 'INSERT' AND old.cost IS NOT NULL THEN
        UPDATE days SET known = known - round(old.cost * 1e9)::bigint WHERE day = old.day;
    END IF;
    IF TG_OP <> 'DELETE' AND new.cost IS NOT NULL THEN
        INSERT INTO days (day, known) VALUES (new.day, round(new.cost * 1e9)::bigint)
        ON CONFLICT (day) DO UPDATE SET known = days.known + excluded.known;
    END IF;
    IF TG_OP = 'UPDATE' AND new.batch IS NOT NULL THEN
        UPDATE batches SET spent = spent + round(coalesce(new.cost, 0) * 1e9)::bigint - round(coalesce(old.cost, 0) * 1e9)::bigint
        WHERE id = new.batch;
    END IF;
    RETURN NULL;
END $$"""

STATEMENTS = (
    _COUNT.format("turns"),
    _COUNT.format("pictures"),
    _BOOK,
    "CREATE TRIGGER turns_counted AFTER INSERT OR DELETE ON turns FOR EACH ROW EXECUTE FUNCTION notebook_img_count_turns()",
    "CREATE TRIGGER pictures_counted AFTER INSERT OR DELETE ON pictures FOR EACH ROW EXECUTE FUNCTION notebook_img_count_pictures()",
    "CREATE TRIGGER costs_booked AFTER INSERT OR DELETE OR UPDATE OF cost, day ON spend FOR EACH ROW EXECUTE FUNCTION notebook_img_book()",
)
