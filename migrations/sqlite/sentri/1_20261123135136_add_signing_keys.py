from tortoise import BaseDBAsyncClient

RUN_IN_TRANSACTION = True


async def upgrade(db: BaseDBAsyncClient) -> str:
    return """
        CREATE TABLE IF NOT EXISTS "sentri_keys" (
    "kid" VARCHAR(64) NOT NULL PRIMARY KEY,
    "purpose" VARCHAR(16) NOT NULL,
    "generation" INT NOT NULL,
    "algorithm" VARCHAR(16) NOT NULL,
    "public_key" JSON,
    "private_key" VARCHAR(8192),
    "created_at" TIMESTAMP NOT NULL,
    "signs_at" TIMESTAMP NOT NULL,
    "retired_at" TIMESTAMP,
    "token_lifetime" REAL NOT NULL,
    CONSTRAINT "uid_sentri_keys_purpose_b9c684" UNIQUE ("purpose", "generation")
) /* A key that signs tokens. Its private part is encrypted (JWE), and gone once nobody needs it. */;"""


async def downgrade(db: BaseDBAsyncClient) -> str:
    return """
        DROP TABLE IF EXISTS "sentri_keys";"""


MODELS_STATE = (
    "eJztWmtv4jgU/StWPrVSt5pShumMVitRSrXMtGUEdF+jUWoSA16CnbGdUtTtf99rJ5Bnaa"
    "Bd+li+ILi+13bO8eOeG24tSZgSdL9LpKScWZ/QrcXwhMCXbNMesrDvxw3aoHDfS/jaMvSV"
    "xrkvlcCOguYB9iQBk0ukI6ivwpGsNiPI40PK9lFLSSTIQBA5QoqPCZNowD2PTxEHJ8y4Gh"
    "HxCV39regVohINOXf30JUvyDXlgbSNfYolotARWF3iwFS42NczcbkDU6FsuMlBA0Z/BMRW"
    "fEh0NzD0t+9gpswlN0TOf/pje0CJ56aAp67uwNhtNfON7fKydXJqPPUD9W2He8GExd7+TI"
    "04W7gHAXX3dYxuGxJGBFbETVDBAs+LyJubwhmDQYmALKbqxgaXDHDgaUKtnwcBczSPyIyk"
    "P6q/RFNLuNn2Rbtnd5s927Zy/OspZNiJTA4sIVg7lCkN1O1d2G8MiLFaeoDGr/XOzmFt10"
    "DApRoK02jgsu5MIFY4DDWgxyg7gmhMbKwK0FbOCTQqCq5ZvNNxGdzdKGrfTYSviv/cEBMQ"
    "b6A5tHPwNgt3r3Xe7Pbq519195OZ/OFp60m919QtO3keFgG9vwwdMfzkxqfgtDL86bjNwJ"
    "9b/68efTi68rA3sCRdOAWpotekR25UDvwoLIM6TP8VLnNrgm9sj7ChGsHPw8oS4H+rd8KD"
    "prKbgj5hR/pLvdFrdhBMDAVqcDTpV1GjfXYG/Mx/231qLlIOF2N4cV5EfVRM52mSkhfNOm"
    "xl49eiLVr7W9bKsia4WuteScdt75U1T7ZAEmGvlkElQp4yjXqx98gDSZPOSwfjwpxJI5VH"
    "9pQLQofsC5kZfFswD8wcUnTkhJLiMurmVSIaW+PxBZ4u8vjkcoJHd4lHVHhg17uN+knTMg"
    "D3sTOeYuHaKaR1C6/wjGXhm2+aVCZZC2Z4aLDRT6HnPNdxQBE8HrBkFam8uHWvhNAbk1lJ"
    "kVdH4IvUCCskYQwZKa1QffmCXgP/yMdCaYVFmCNmPiwItPP59+buHogwF2QXqDEOCwox3u"
    "fuDDFCXC268uLuvx6sQNR9s/xAwC5Knsj60b+XVXvjosPq4ct9XHhgrZmKPaz4Nnal16ol"
    "rvRatfhKB/vjr3Td+XLpmGB85ZwsDn2DWfRBrQR5B7Vi8sD+ePJ05+mEILEnc3y1mCpOCd"
    "JBGab00f8KmRrqSfxUOah+qB4d1qpH4GImurB8WEJe66KXwRV7Qy6oGk3W2Qap4O1G2MhG"
    "8IO+Rx19decZ+9xtXxTvhHRUVpZQR6F/kEdlmR3xwqTkEoY0HIYaGVEzx3XnvP7Hbgbyxl"
    "n7OJtK6w6Oc3Le5B/FBJRR86nwtyfmjw4+lpHz2q1435iWx++ccIA0d9ti8bOKepPMrwx+"
    "MmoL/ZrQC4BHrFPOSsU9Afwv7OzaDPpGv9oeHSxQypRePI7vSWHzoRkSBjr2ba37k/bl8V"
    "kTfe00G61uK7rDFwSYRm0CAw1rMp1m/ayo5PU8JRpTFysozszrZQ+WZXTpqWRdpssnxBQ4"
    "piOOHMz0S3FEWb6mssxx+5L7BdRr95ZUKqgLC4NCS0HZtjHC4j60k1FvUJ5V3r8vkWmCVz"
    "bXXySJpi19VseoFaf4zRvYkIWpfT7yzZX1VkM8mdofty7qnT93Dt5V3q3Cho+lnHI4kUdY"
    "jtbSW9kO/vf7ICe4dMPj9VYBeYJ7RK5SpVgEPKpA8dLI2nSFYqtynzXZd6nUz786/pnArd"
    "gqj/8KmX8yLY//5ppm6TiKPP3SId597w/yf6x9ndsh9yb87unF0d2/tktgXg=="
)
