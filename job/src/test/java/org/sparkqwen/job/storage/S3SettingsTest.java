package org.sparkqwen.job.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.apache.hadoop.fs.Path;
import org.apache.spark.SparkConf;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.job.failure.Refusal;

class S3SettingsTest {
    private static final String COMMITTER = "spark.hadoop.fs.s3a.committer.name";
    private static final String PROTOCOL = "spark.sql.sources.commitProtocolClass";

    @Test
    void anOutputOnS3GetsTheMagicCommitter() {
        SparkConf conf = new SparkConf(false);
        S3Settings.complete(conf, new Path("s3a://bucket/out"));
        assertThat(conf.get(COMMITTER)).isEqualTo("magic");
        assertThat(conf.get(PROTOCOL)).isEqualTo(S3CommitProtocol.class.getName());
    }

    @Test
    void whatTheUserHasChosenStays() {
        SparkConf conf = new SparkConf(false).set(COMMITTER, "directory").set(PROTOCOL, "example.Protocol");
        S3Settings.complete(conf, new Path("s3a://bucket/out"));
        assertThat(conf.get(COMMITTER)).isEqualTo("directory");
        assertThat(conf.get(PROTOCOL)).isEqualTo("example.Protocol");
    }

    @ParameterizedTest
    @ValueSource(strings = {"out", "/out", "file:/out", "hdfs://host:8020/out", "abfss://c@account/out"})
    void anotherOutputIsCommittedAsEver(String output) {
        SparkConf conf = new SparkConf(false);
        S3Settings.complete(conf, new Path(output));
        assertThat(conf.contains(COMMITTER)).isFalse();
        assertThat(conf.contains(PROTOCOL)).isFalse();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "s3a://KEY:secret@bucket/in",
                "S3A://KEY:sec/ret@bucket",
                "s3://KEY@bucket/",
                "s3n://KEY:secret@bucket/in/*.parquet"
            })
    void credentialsInAPathAreRefusedAndNotRepeated(String path) {
        assertThatThrownBy(() -> S3Settings.refuseCredentials("--input", path))
                .isInstanceOf(Refusal.class)
                .hasMessageContaining("--input has credentials")
                .hasMessageNotContainingAny("KEY:", "sec/ret", "secret@");
    }

    @ParameterizedTest
    @ValueSource(strings = {"s3a://bucket/a@b:c", "s3a://bucket", "hdfs://user@host:8020/in", "in@out", "file:/a:b"})
    void otherPathsAreNot(String path) {
        assertThatCode(() -> S3Settings.refuseCredentials("--input", path)).doesNotThrowAnyException();
    }
}
