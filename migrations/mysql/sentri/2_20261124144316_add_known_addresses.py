from tortoise import BaseDBAsyncClient

RUN_IN_TRANSACTION = True


async def upgrade(db: BaseDBAsyncClient) -> str:
    return """
        CREATE TABLE IF NOT EXISTS `sentri_known_addresses` (
    `digest` VARCHAR(36) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY,
    `seen_at` DATETIME(6) NOT NULL,
    `user_id` CHAR(36) NOT NULL,
    CONSTRAINT `fk_sentri_k_sentri_u_2297c2e2` FOREIGN KEY (`user_id`) REFERENCES `sentri_users` (`id`) ON DELETE CASCADE,
    KEY `idx_sentri_know_user_id_6db571` (`user_id`)
) CHARACTER SET utf8mb4 COMMENT='Where a user has logged in from: a keyed digest of the user and the address, which says nothing of either.';"""


async def downgrade(db: BaseDBAsyncClient) -> str:
    return """
        DROP TABLE IF EXISTS `sentri_known_addresses`;"""


MODELS_STATE = (
    "eJztW11vIjcU/SsWT4mURgths2lUVSKEqOwmYQWk23a1mpixmXEZ7FnbE4K2+e+1PQPzGT"
    "IQSkjKSxSufW3POb6+PnfgR0VgKjk5/ETZhDYQ4liIyin4UaFwjNU/he0HoAJ9P27VBgkH"
    "XsLBGmkHC4YeOPQZCMmhLVWvIfQEViaEhc2JLwmj2veLizkGEAQCc+BCATzmOBgBQsGQs/"
    "GpahrhqTIg4mAhARsC6eKwO6TIfIimPAATl9guEHAqAGXSJdTR/TFRnfihXg9itlqQsm9+"
    "6oCS7wG2JHOwtqkFfP2mzIQifI/F7KM/soYEeyhFSDi/HsS0WXLqG3sTCtzDVBBJ7nAf35"
    "suaGDZzAvGNO3pT6XL6NxVoaCtDqaYQ4lRgiAaeF7E7MwUrl0ZJA/wfNEoNiA8hIGnadbe"
    "4SpiW8Wyrjt9q9fqW1YltwVmHglqIpPNqN4+hMpwg47hveVh6khXfTw6fgjniTEJe+kJf2"
    "90m781untHx/t6wvFUfPcydqD/aTT7rS5QCwOBHJ6MB3XQ7FxeNvqt2WdrQKgegaldHG72"
    "62iMmhn8wSwCShguw/CYjCSsAqKAuRtpnyvYJVH9spwlnDKkocjlECV8l6VwZog5jCNzAy"
    "QuIK3fvmr1+o2rzynKzhUbumUvpNJnQjrceMUO/b8METHwOkYtggqAv2mfX5gAy8KecMnA"
    "HgQEHWrH9cC9yZBZgHYyPpKgmgd9eNCH0XBUuKs1UnlkLxjHxKGf8NTg21brgNTGRWdPmF"
    "9uomFeJaKxNZ6fw8n88E5uJ/XoCHtYhmd2o9dsnLcqBuABtEcTyJGVQlq3sBrLWOZ9803j"
    "2jhrgRQ6Bhv9FHrNEeg9lazCJ87l+1lTmVQvwr4lc3yHYp1bCT0EbSkAx0O111wg2UglLz"
    "BknscmgKlOUKdOzE/B7d+S3AIigMMYOgC3Psd3hAXCMvaJytVEDaSsCNtqKawgu29q0mfk"
    "9eUOqPWfTU9n88ovw4DamkdgZtJ/6r9Wtu60WpSEbY41Jkvn4bTfLhWvmIrxvU9Up6XhT/"
    "ttBv4tSc1rRF8dXavohshtPaLhhbd5RjbUysiG2iOyobYO2VDbz5CUTDSrsJX1X4m2aO/v"
    "WCvLGmdypbyS9tvllZ3E20m8bUT01Uo8RZF6PMVSpUjlxa0HZWq6eFpS5DV0sRRIF0og1B"
    "wiUlqh+vI5uVP8Ax9yqRUWpjaf+mpDgL2PX1r7B6ae6mg1xtSGApQNGJoCijHSoisv7v7r"
    "yQpE3deKH3AVRckTWT/6t7Jqb1R0WD2d3EeFB9brr98e10uk9ON6cUpX9uendD34YumYYH"
    "zpO1ns+gZv0dUyxffqI8X36jqK79Xj7H0sEZM5vtpUFl8J0k4ZpvTR/wqZcvQifqpV6x/q"
    "J0fH9RPVxSx0bvmwgLz2dT+DK/Qcxol0x6uEQcp5FwgbCQQ/GHjE1qk7z9jHXue6OBLSXl"
    "lZQmwJ/gEeEWUiYsuk5AKGNByGGhFRM8N176rxx34G8uZl5yx7ldYDnOXkvLl/FBNQRs2n"
    "3N+emD+p/lxGzutuxXFjWp4fOeEEae52xeIXFfXmMr/8G/OE1w76FaHnCh6+Sjkr5bcG+L"
    "fs7NoM+ka/Wh4ZzlHKlF48Bh+5wuZdMyQMte/b2vfnnZuzyxb43G012712lMPnBJhGbVIG"
    "EtZkuq3GZVHJ62VKNKYuVlCcmdXLnizL6NJTybpMj42xKXBMXAZsSPVLcUBovqayqOPuJf"
    "cW1GsPFlQqCFIbg6iWgrJt04X8MbSTXm9QntXevy9x01S9snf9+SXRtKXP6hi14it+614F"
    "ZOHVPu/55sp6yyGevNqfta8b3T/3qu9q75Zhw4dCTJg6kV0o3JX0VnaA/30c5ASXbni+3i"
    "ogjzMv/KJ42SrF3OFZBYptI2vTFYqdyn3Ryz4iQj//8vhnHHdiqzz+S9z8E6/s8r9oSZN1"
    "Fg1w8amLvcdeIzzye5rXGRq5t+Lp+k3ie8GrI5X4JvJbAWn9avLhXxbVYJU="
)
