package org.sparkqwen.job.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Map;
import java.util.regex.Pattern;
import org.apache.spark.SparkConf;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.job.failure.Failures;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.run.CommandSession;
import org.sparkqwen.job.run.RunIdentity;
import org.sparkqwen.job.run.SafeOptions;
import org.sparkqwen.job.storage.S3Settings;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;

/// Options that are secrets are neither shown nor stored.
class SafeOptionsTest {
    @ParameterizedTest
    @ValueSource(
            strings = {
                "--conf=spark.hadoop.fs.azure.account.key.name.dfs.core.windows.net=hush",
                "--conf=spark.hadoop.fs.gs.auth.service.account.private.key=hush",
                "--conf=spark.hadoop.fs.ftp.password.host=hush",
                "--conf=spark.sql.catalog.c.token=hush",
                "--conf=spark.sql.catalog.c.uri=https://hush@host",
                "--conf=spark.ssl.keyPassword=hush",
                "--conf=spark.unknown=hush",
                "--conf=spark.executor.extraJavaOptions=-Dx=hush",
                "--conf=spark.eventLog.dir=hdfs://user:hush@host/logs",
                "--input-option=pwd=hush",
                "--input-option=passphrase=hush",
                "--input-option=apiKey=hush",
                "--input-option=sig=hush",
                "--input-option=user=hush",
                "--input-option=url=jdbc:postgresql://host/db?user=hush&password=hush",
                "--input-option=encryption.key.list=k1:hush",
                "--input-option=basePath=ftp://user:hush@host/",
                "--output-option=parquet.encryption.column.keys=hush"
            })
    void whatIsNotKnownToBeHarmlessIsHidden(String option) {
        CommandSpec command = command(option);
        assertThat(new OptionValues(command).shown().toString()).contains("***").doesNotContain("hush");
        assertThat(new OptionValues(command).identity("m").facts().toString()).doesNotContain("hush");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "--conf=spark.master=local[2]",
                "--conf=spark.executor.memory=4g",
                "--conf=spark.sql.shuffle.partitions=8",
                "--conf=spark.driver.memory=4g",
                "--input-option=header=true",
                "--input-option=multiLine=true",
                "--input-option=delimiter=;",
                "--output-option=compression=zstd"
            })
    void harmlessOnesAreShown(String option) {
        CommandSpec command = command(option);
        assertThat(new OptionValues(command).shown().toString()).contains(option.replaceFirst("^--[a-z-]+=", ""));
    }

    @ParameterizedTest
    @CsvSource({
        "password=a, password=b, true",
        "url=jdbc:x://h/d?password=a, url=jdbc:x://h/d?password=b, true",
        "url=jdbc:x://h/d, url=jdbc:x://h/e, false",
        "unknown=a, unknown=b, false",
        "header=true, header=false, false",
    })
    void anotherSecretMakesNoOtherRunAndAnotherValueDoes(String before, String now, boolean same) {
        RunIdentity first = new OptionValues(command("--input-option=" + before)).identity("m");
        RunIdentity second = new OptionValues(command("--input-option=" + now)).identity("m");
        assertThat(first.equals(second)).isEqualTo(same);
    }

    @Test
    void sparkHidesMoreThanItDidAndNothingLess() {
        RunOptions options = new RunOptions();
        options.inputs.add("/in");
        options.output = "/out";
        options.conf.put("spark.redaction.regex", "hidden");
        options.conf.put("spark.unknown", "hush");
        options.conf.put("spark.hadoop.fs.unknown", "hush");
        options.inputOptions.put("odd", "hush");
        SparkConf conf = CommandSession.configuration(options.settings(false));
        Pattern settings = Pattern.compile(conf.get("spark.redaction.regex"));
        for (String name : new String[] {
            "spark.hidden", "spark.unknown", "fs.unknown", "fs.azure.account.key.x", "some.pwd", "sun.java.command"
        }) {
            assertThat(settings.matcher(name).find()).as(name).isTrue();
        }
        for (String name : new String[] {"spark.master", "spark.executor.memory", "user.dir", "spark.unknown.more"}) {
            assertThat(settings.matcher(name).find()).as(name).isFalse();
        }
        Pattern sources = Pattern.compile(conf.get("spark.sql.redaction.options.regex"));
        assertThat(sources.matcher("url").find()).isTrue();
        assertThat(sources.matcher("odd").find()).isTrue();
        assertThat(sources.matcher("header").find()).isFalse();
        assertThat(Pattern.compile(conf.get("spark.redaction.string.regex"))
                        .matcher("Location: [ftp://user:hush@host/a]")
                        .replaceAll("*"))
                .isEqualTo("Location: [ftp://*@host/a]");
    }

    @ParameterizedTest
    @ValueSource(strings = {"ftp", "sftp", "hdfs", "webhdfs", "https", "gs", "abfss", "wasb", "jdbc:mysql", "odd"})
    void aPasswordInAPathIsRefusedAndNotRepeated(String scheme) {
        for (String path : new String[] {"://user:hush@host/in", "://user:hu/sh@host/in", "://:hush@host"}) {
            assertThatThrownBy(() -> S3Settings.refuseCredentials("--input", scheme + path))
                    .isInstanceOf(Refusal.class)
                    .hasMessageContaining("--input has a password in its path")
                    .hasMessageNotContainingAny("hush", "hu/sh");
        }
    }

    @Test
    void anInterruptedMessageOfOthersHasNoPassword() {
        assertThat(Failures.firstLine(new IllegalStateException("no ftp://user:hush@host\u001b[2J")))
                .isEqualTo("no ftp://***@host\\u001b[2J");
        assertThat(Refusal.failure("no ftp://user:hush@host\u202e\n")).hasMessage("no ftp://***@host\\u202e\\n");
    }

    private static CommandSpec command(String option) {
        CommandLine score = new CommandLine(new ScoreCommand()).setCaseInsensitiveEnumValuesAllowed(true);
        score.parseArgs("--input", "in", "--output", "out", option);
        return score.getCommandSpec();
    }

    @Test
    void aSecretIsNoPartOfAnOptionsShownKey() {
        CommandSpec command = command("--conf=spark.a=b");
        assertThat(new OptionValues(command).shown().get("conf")).isEqualTo(Map.of("spark.a", SafeOptions.HIDDEN));
    }
}
