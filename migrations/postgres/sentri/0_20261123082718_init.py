from tortoise import BaseDBAsyncClient

RUN_IN_TRANSACTION = True


async def upgrade(db: BaseDBAsyncClient) -> str:
    return """
        CREATE TABLE IF NOT EXISTS "sentri_users" (
    "id" UUID NOT NULL PRIMARY KEY,
    "identifier" VARCHAR(255) NOT NULL,
    "identifier_key" VARCHAR(255) NOT NULL UNIQUE,
    "password_hash" VARCHAR(255) NOT NULL,
    "roles" JSONB NOT NULL,
    "created_at" TIMESTAMPTZ NOT NULL,
    "disabled_at" TIMESTAMPTZ
);
COMMENT ON TABLE "sentri_users" IS 'Somebody who can log in.';
CREATE TABLE IF NOT EXISTS "sentri_sessions" (
    "id" UUID NOT NULL PRIMARY KEY,
    "created_at" TIMESTAMPTZ NOT NULL,
    "expires_at" TIMESTAMPTZ NOT NULL,
    "jti" VARCHAR(32) NOT NULL,
    "previous_jti" VARCHAR(32),
    "rotated_at" TIMESTAMPTZ NOT NULL,
    "user_id" UUID NOT NULL REFERENCES "sentri_users" ("id") ON DELETE CASCADE
);
CREATE INDEX IF NOT EXISTS "idx_sentri_sess_expires_d575c4" ON "sentri_sessions" ("expires_at");
CREATE INDEX IF NOT EXISTS "idx_sentri_sess_user_id_c81742" ON "sentri_sessions" ("user_id");
COMMENT ON TABLE "sentri_sessions" IS 'One login. Its refresh tokens follow one another: `jti` is good, `previous_jti` was its predecessor.';"""


async def downgrade(db: BaseDBAsyncClient) -> str:
    return """
        DROP TABLE IF EXISTS "sentri_sessions";
DROP TABLE IF EXISTS "sentri_users";"""


MODELS_STATE = (
    "eJztWVtv2zYU/iuEnhIgMFq3HYZiGKA4Duo1iQfbGXbBwNDiscxZJlWSqm1k+e8lKdm65m"
    "I3TeMtL4Z1LuTh95GH50jXngKuJWsNQSkmuPceXXuczMH8qaqOkEfiOFdYgSbjqGCLVWqr"
    "nPFYaUkCbdQTEikwIgoqkCzW6UxenwOKRMh4C/W0QhImEtQUaTEDrtBERJFYIGGMCBd6Cv"
    "I9uvpHsyvEFAqFoEfoKpbwmYlEYSdfEIWYGchIKQQmFCFbNhIqAhMK4+FTTppw9ikBrEUI"
    "dhgz9V9/GzHjFJag1o/xDE8YRLQEPKN2ACfHehU72eVl7+TUWdoFjXEgomTOc+t4paeCb8"
    "yThNGW9bG6EDhIooEWqOBJFGXkrUVpxEagZQKbUGkuoDAhSWQJ9X6aJDywPCI3k/15+3MW"
    "WsEM44v+CA+7I4y9Gv82hAo7mSgwW8jsHca1Ber6Jh03B8RJPTtB54M/OHjzw6GDQCgdSq"
    "d0cHk3zpFokro60HOUAwkWE0x0A9o6ODFKzYxpFe+yXwV3mnm1aMF9W/zXgpyA/ACtoV2D"
    "97Rwj3rn3eHIP//VDj9fqU+RlZ74o67VHNR52DiM/nR05PDDMmbGaGv4y35PA39t/+89+i"
    "Z11WHvEAVDkwWZZp9hBEtdAz9zq6Buwt/Dbe7NyRJHwEM9NY9v2ncA/5s/SBNN+7AEfUGO"
    "7B+/M+oOkAkMJXry43z8FnX6Z2eGn/UzHjN3kQpzMaYX50U2RtsNXiapeNHswlbVfyfasr"
    "3/wtpDWZNC73SvlP1e7pUdM1uiQOLtKqiCy2OWUc/2HrmnaLJ16WTWWDNZpOrIngoJLOQf"
    "YeXw7Zk4CA+gKeWkLcVlNsxeIppL8/klWWzq+OJ2MkunEIFOE7Y/7PgnXc8BPCbBbEEkxS"
    "WkrUa0RUWysa2r5u15VUI4CR02dhU25iLoDf3dmox7mzu7rgd2dkMxh7GgK7SYChQQbjsu"
    "ZFquWjd2l+FLB/UMksHRHR0Uo2ZjMKNpyAmdKZG3oV30+g+Wku137x5QlRirw9uKCqcrX2"
    "s5angGqzre3aU5kI1VYN3zcTC/f48/U8SLheBx78If/HHw+lX71TZsxESphTAZeUrUdKfS"
    "vDrA//4c1Mpzq/j6+ryBPCkiUHXSfhn2L5oz1sahWpSzQKN/UcSU3kOy7uDGQuE4URknaz"
    "wPzv3fq+ekc9Y/rl4edoDjCuwv79u+a19EmbLr3x7/iuMjEPDMXil8O/xrndTtlX+xLM+/"
    "oZRZOs48Tz8OICI6+yjT3GIVvtrs53GotVk3j98c3XwBGTW5Cw=="
)
