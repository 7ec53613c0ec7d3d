from tortoise import BaseDBAsyncClient

RUN_IN_TRANSACTION = True


async def upgrade(db: BaseDBAsyncClient) -> str:
    return """
        ALTER TABLE `sentri_sessions` ADD `device` VARCHAR(255);
        ALTER TABLE `sentri_sessions` ADD `address` VARCHAR(45) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;"""


async def downgrade(db: BaseDBAsyncClient) -> str:
    return """
        ALTER TABLE `sentri_sessions` DROP COLUMN `device`;
        ALTER TABLE `sentri_sessions` DROP COLUMN `address`;"""


MODELS_STATE = (
    "eJztW21zGjcQ/isavtSecT0xIY7r6XQG22RK45gUcNM2yRziThwqd9JFEsZM6v/ele7gXn"
    "EOTLBN+cJwK62k20fS7j7Sfa1IwpSgh28Zn7C64wgiZeUUfa0w7BP4U1h+gCo4COJSLVC4"
    "7yUUrJFWsHCoQUKdvlQC2wpqDbAnCYgcIm1BA0U507ofhkQQhNFYEoGGWCKPuy5xEGVoIL"
    "h/CkUjMgWBQ10iFeIDpIYkrI6ZYx6iLg/QZEjtIZJ4KhHjakiZq+sTCpXEoR6Pw20YEMg3"
    "3/WY0S9jYinuEi2DAXz8DGLKHHJL5OwxGFkDSjwnBUjYv27ElFlqGhj5OZakQ5ikit6QLr"
    "k1VZy+ZXNv7LO0ZjBVQ87mqmAFLXUJIwIr4iQAYmPPi5CdicKxg0CJMZkP2okFDhngsadh"
    "1trhKGJZxbKuWl2r0+haViU3BWYaCWgikc2Znj6UqXCC+vjW8ghz1RAeXx7fhf3ENglr6Q"
    "7/qLfPf623914e7+sO/an84mXkSP+pn3cbbQQDQ2M1OPH7NXTeurysdxuzZ6tPmW6BwywO"
    "J/tV1EbVNH5nBoEVDodhcEyuJAILogC5a2VfgNkVhXpZzBJKGdCcSOXQSeguC+FMEGMYr8"
    "wNgHgPaN3mu0anW3/3PgXZBaChS/ZCKAMulSuMVqzQ/dsAERter1GLOgWGv25evDELLGv2"
    "hErG7OMxdQ614nrMvcklc4+1k+sjaVTzond3ejMajApntbZU3rJvuCDUZW/J1Ni3CePAzC"
    "ZFe0/oX66jZp6lRWNp3L/Ak/nmnZxO8OoO8YgK9+x657x+0agYA/exPZpg4VgpS+sSXuUZ"
    "ybxuvsiv+lkJZtg1ttFvocccGb0Dzip845y/nxWVcfUyrFvSx7cY0b6VskPUVBIJMoC5Nk"
    "SKj8B5oQH3PD5BHCph7TqJOEW9fxTtISqRy7lzgHqBIDeUj6Vl5BPw1RQaAqlDbBgKL/Du"
    "m+j0E/vEeg7UsknPhAS9KB6AJwgtJkOsTJRgxvGDHgRMYYgkJKaODg+gPeINHhoeLLfPrX"
    "+L+3ZQUPl5MGa2ng7I9KR/ar9Untymd58vtwXRNlnanaf1dh59RY9ObgMKlZY2f1pvM+Z/"
    "Ih5+jdaHHXCV9CNSW0/u8cjTPJN9VMtkH9UF2Ud1HdlHdT8DUtJfrYJWVn8l2KK5v0OtLG"
    "qCq5X8Slpv51dW3NnC6K1guQyxKA6gYo3tWyDVV69KrBCotb9ogpuytIlxzCEuuyUlVLfP"
    "2LUytq69Kt6NQP7w3aiWw2pHnOyIkx1xUkScAETweoBSpYg7iUsPypyUkGlJ6qSujyCQ0k"
    "SChD5kxF+EnEYg6A3gjwIslOYtCLPFNIAJgfZ++9DYPzCUhKs5Dg4TCjHe584UMUIcTWXk"
    "KZPv3VkBx/GxEowFrKJkgKJf/XNZ8mNUtFl927GMCjes538qclwr4VOOa8U+BeQP9ym68f"
    "uZlATiS6coseoWJpVHZY60jhYcaR2t40jr6DgbECTWZA6vJlPFIUFaKYOU3vqfIVKuHsSP"
    "1aPa69rJy+PaCVQxA51LXt8DXvOqmw2KPZcLqob+SmFxUnm3EDayEIJx36O2dt15xH7rtK"
    "6KV0JaK5ulU1uhf5FHZZkV8cRymXsQ0uYw0MgImpld997V/8xmjueXrbNsKK0bOMuxWyb+"
    "KAagDLmVUt++bPLk6Kcy7JauVrxuTMnDV07YQRq73dnJo3JcJphf/h5KQmtn+hVNL8A8Yh"
    "V2N6W3BvM/sb1rM9Y3+avl0cHcShnqxeN4QQibV82AMNC62zXvL1rXZ5cN9L7dOG92mpEP"
    "nwNgCrUIBDTkZNqN+mUR5fU4FI3hxQrImRlf9k1aRlNPJXmZDveJITgmQ45szPQVD0RZnl"
    "NZVFFfHWkx9D6cx53fL81FEZ+6Yd4kkY9H+m4KMtME+VzAKHrJgVr9qY5meqeIKnN9VTeg"
    "mSV9gVX/58IhIrq1SgXqTxWRB5+YqQlJ9Ow+q7n9gnS23ocoSkJTN0QX+ND7dIKnu+spT4"
    "VaPriHVKEOTA0KJQUM8+KzrLTWFmaS3+VAK7ZacTbSuIW9ozALyWtuHQO5nMWTWchZ86re"
    "/mvv6EX1xTJoBFjKCex1FuyBw5VSw2wD//t1kMsNdcHDU8MC8AT3SMHJ8GJCZa7wIC7lqY"
    "G1aTJll5A/7qUTKvX7L2//jOIuLyxv/yWSlMTpYv6TtjRYZ1EDb962ibfoxGPBB3XPc2nk"
    "DvDTVFPiw4DVLZX4FGFbjLT+xPfuP3d/sGY="
)
