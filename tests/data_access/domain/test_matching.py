import polars as pl

from data_access.domain.matching import SUGGESTIONS, suggestions

PRODUCTS = pl.DataFrame(
    {"sku": ["LAMP-999", "LAMP-990", "CHAIR-1", "85123A"], "name": ["Brass lamp", "Steel lamp", "Oak chair", "White hanging heart"]}
)


def asked(code: str | None, title: str | None = None) -> list[tuple[str, float]]:
    listings = pl.DataFrame(
        {"channel_id": ["amazon"], "external_sku": [code], "title": [title]},
        schema={"channel_id": pl.String, "external_sku": pl.String, "title": pl.String},
    )
    proposals = suggestions(listings, PRODUCTS)
    assert proposals.schema == SUGGESTIONS
    return [(sku, round(score, 3)) for sku, score in proposals.select("sku", "score").iter_rows()]


def test_the_same_letters_and_digits_come_first() -> None:
    assert asked("lamp 999")[0] == ("LAMP-999", 1.0)
    assert asked("85123a")[0] == ("85123A", 1.0)


def test_a_code_with_something_before_it_is_similar() -> None:
    # amzlamp999 has 8 pieces, lamp999 has 5, all of them shared: 2 * 5 / 13; lamp990 shares 4: 2 * 4 / 13
    assert asked("AMZ-LAMP-999") == [("LAMP-999", 0.769), ("LAMP-990", 0.615)]


def test_a_title_helps_where_the_code_tells_nothing() -> None:
    assert asked("B00X1", "White Hanging Heart!") == [("85123A", 0.95)]


def test_nothing_alike_suggests_nothing() -> None:
    assert asked("zzz", "qqqq") == []
    assert asked("", None) == []


def test_no_listing_or_no_product_suggests_nothing() -> None:
    listings = pl.DataFrame(schema={"channel_id": pl.String, "external_sku": pl.String, "title": pl.String})
    assert suggestions(listings, PRODUCTS).is_empty()
    one = pl.DataFrame({"channel_id": ["a"], "external_sku": ["LAMP-999"], "title": [None]}, schema=listings.schema)
    assert suggestions(one, PRODUCTS.clear()).is_empty()


def test_a_product_that_differs_in_colour_or_size_alone_is_not_suggested() -> None:
    many = pl.DataFrame(
        {
            "sku": ["TEE-RED-M", "TEE-RED-L", "TEE-BLUE-M", "TEE-RED-M-2", "MUG-300ML", "SHOE-43", "9001"],
            "name": ["Tee red M", "Tee red L", "Tee blue M", "Tee red M two pieces", "Mug 300ml", "Shoe", "Tee green M"],
        }
    )

    def suggested(code: str, title: str | None) -> list[str]:
        return suggestions(pl.DataFrame({"channel_id": ["a"], "external_sku": [code], "title": [title]}), many)["sku"].to_list()

    assert suggested("TEE-GREEN-M", "Tee green M") == ["9001"]  # not the red and blue ones, for all that their codes are alike
    assert suggested("tee red m", None) == ["TEE-RED-M"]
    assert suggested("MUG-500ML", "Mug 500ml") == []
    assert suggested("SHOE-42", "Shoe") == []


def test_at_most_three_a_listing() -> None:
    many = pl.DataFrame({"sku": [f"LAMP-99{i}" for i in range(9)], "name": ["lamp"] * 9})
    one = pl.DataFrame({"channel_id": ["a"], "external_sku": ["LAMP-99"], "title": ["x"]})
    assert suggestions(one, many).height == 3
