package org.sparkqwen.engine.message;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Secrets in URIs, JDBC URLs and sentences.
class RedactionTest {
    @ParameterizedTest
    @CsvSource(
            delimiter = '!',
            quoteCharacter = '`',
            value = {
                "ftp://user:hush@host/a!ftp://***@host/a",
                "--input sftp://user:hush@host:22/a does not exist!--input sftp://***@host:22/a does not exist",
                "hdfs://user:hu/sh@host/a!hdfs://***@host/a",
                "ftp://user:hu sh@host/a!ftp://***@host/a",
                "ftp://user:hu'sh@host/a!ftp://***@host/a",
                "ftp://user:hush@ho@st/a!ftp://***@st/a",
                "ftp://user:hu%40sh@host/a!ftp://***@host/a",
                "//user:hush@host/a!//***@host/a",
                "https://hush@host/a!https://***@host/a",
                "wasb://name:hush@container/a!wasb://***@container/a",
                "ftp:/user:hush@host/a!ftp:/***@host/a",
                "https://host/a?sig=hush&sv=2020!https://host/a?sig=***&sv=2020",
                "https://host/a?x=1&X-Amz-Signature=hush!https://host/a?x=1&X-Amz-Signature=***",
                "https://host/a?token=hush#b!https://host/a?token=***#b",
                "https://host/a?apiKey=hush!https://host/a?apiKey=***",
                "jdbc:postgresql://host/db?user=hush&password=hush!jdbc:postgresql://host/db?user=***&password=***",
                "jdbc:sqlserver://host:1;user=hush;password={hush; hush}!jdbc:sqlserver://host:1;user=***;password=***",
                "jdbc:oracle:thin:user/hush@host:1521/db!jdbc:oracle:thin:***@host:1521/db",
                "jdbc:oracle:thin:user/hush@//host:1521/db!jdbc:oracle:thin:***@//host:1521/db",
                "jdbc:db2://host:1/db:user=hush;password=hush;!jdbc:db2://host:1/db:user=***;password=***;",
                "jdbc:mysql://user:hush@host/db!jdbc:mysql://***@host/db",
                "it failed with password=hush and more!it failed with password=*** and more",
                "-Daws.secretAccessKey=hush!-Daws.secretAccessKey=***",
                "AccountName=a;AccountKey=hush==;End=b!AccountName=a;AccountKey=***;End=b",
                "pwd = 'hush hush'!pwd = ***",
                "Authorization: Bearer hushhushhushhushhush!Authorization: Bearer ***",
                "-----BEGIN RSA PRIVATE KEY-----hush!***",
            })
    void aSecretIsMasked(String text, String shown) {
        assertThat(Redaction.of(text)).isEqualTo(shown).doesNotContain("hush");
        assertThat(Redaction.of(shown)).as("once more").isEqualTo(shown);
        assertThat(Quote.of(text)).doesNotContain("hush");
        assertThat(Quote.line(text)).doesNotContain("hush");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "abfss://container@account.dfs.core.windows.net/a",
                "s3a://bucket/a@b:c",
                "hdfs://name:8020/a@b",
                "hdfs://[::1]:8020/a@b",
                "file:/a:b@c",
                "/a//b@c",
                "https://host/a?page=2&x=y",
                "s3a://bucket/part-?.parquet",
                "tokens=5; key = value",
                "a@b.c",
                "jdbc:postgresql://host/db?currentSchema=a"
            })
    void whatIsNoSecretStays(String text) {
        assertThat(Redaction.of(text)).isEqualTo(text);
    }

    @ParameterizedTest
    @ValueSource(strings = {"//", "a:/b:", "jdbc:", "password=", "?a=", "bearer ", "{", "@", ":@//a:", "='"})
    @Timeout(20)
    void longTextsTakeLittleTime(String part) {
        assertThat(Redaction.of(part.repeat(100_000 / part.length()))).isNotNull();
    }

    @Test
    void longTextsAreSearchedOnlyAsFarAsTheyAreShown() {
        long start = System.nanoTime();
        assertThat(Quote.of("ftp://user:hush@host/".repeat(1_000_000))).doesNotContain("hush");
        assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(10));
    }
}
