package org.sparkqwen.job.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.hadoop.fs.s3a.S3AFileSystem;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.S3Relay;
import org.sparkqwen.job.testing.SparkProcess;

/// Runs on `s3a:` that are killed, or meet a store that fails. All of it is slow: [S3IT] has what each build runs.
class S3FaultsIT extends S3Runs {
    @Test
    @Tag("slow")
    void aKilledRunGoesOn() throws InterruptedException {
        try (S3Relay relay = passing()) {
            String[] arguments = intervals("killed", "parquet");
            try (SparkProcess submit =
                    SparkProcess.startSubmit(directory, "local[2]", CREDENTIALS, profile(relay), arguments)) {
                while (submit.isAlive() && commits("killed") < 1) {
                    TimeUnit.MILLISECONDS.sleep(50);
                }
                // This request is in the middle of the next interval.
                String upload = "POST /bucket/killed/part-.*uploads.*";
                long before = matching(relay, upload);
                while (submit.isAlive() && matching(relay, upload) == before) {
                    TimeUnit.MILLISECONDS.sleep(1);
                }
                assertThat(submit.kill()).as(submit.output()).isTrue();
            }
            CommandRun run = submit("local[2]", profile(relay), arguments);
            assertThat(run.exitCode()).as(run.out()).isZero();
            assertThat(run.out()).contains("Going on with s3a://bucket/killed");
        }
        assertSameScores("killed", "parquet");
        assertNothingIsLeftOver("killed");
    }

    @Test
    @Tag("slow")
    void aStoreThatFailsAndStallsOnlyTakesLonger() {
        List<S3Relay.Fate> kinds = List.of(
                S3Relay.Fate.IS_THROTTLED, S3Relay.Fate.FAILS, S3Relay.Fate.IS_LOST, S3Relay.Fate.LOSES_ITS_ANSWER);
        try (S3Relay relay = S3Relay.start(server.port(), (number, request) -> {
            if (number == 40 || number == 90) {
                return S3Relay.Fate.STALLS;
            }
            return number % 7 == 0 ? kinds.get(number / 7 % kinds.size()) : S3Relay.Fate.PASSES;
        })) {
            CommandRun run = submit("local[2]", profile(relay), intervals("disturbed", "orc"));
            assertThat(run.exitCode()).as(run.out()).isZero();
            assertThat(relay.requests()).extracting(S3Relay.Request::fate).contains(S3Relay.Fate.values());
            assertCommittedByTheMagicCommitter(relay.requests(), "disturbed");
        }
        assertSameScores("disturbed", "orc");
        assertNothingIsLeftOver("disturbed");
    }

    @Test
    @Tag("slow")
    void ofTwoDriversTheStoreRefusesOne() throws IOException {
        org.apache.hadoop.fs.Path output = new org.apache.hadoop.fs.Path("s3a://bucket/two-drivers");
        try (S3AFileSystem client = server.client()) {
            RunState first = new RunState(client, output);
            RunState second = new RunState(client, output);
            Commit commit =
                    new Commit(0, 0, 10, List.of("part-1"), List.of(), 1, 2, 3, List.of(), 4, 5, 6.0, 0, "1", Map.of());
            Commit other =
                    new Commit(0, 0, 10, List.of("part-2"), List.of(), 1, 2, 3, List.of(), 4, 5, 6.0, 1, "1", Map.of());
            first.add(commit);
            assertThatThrownBy(() -> second.add(other))
                    .isInstanceOf(Refusal.class)
                    .hasMessageContaining("commits/00000.json was written by another run");
            first.add(commit); // repeated, as when the answer to a request was lost
            assertThat(second.commits()).containsExactly(commit);
        }
    }

    private static long matching(S3Relay relay, String line) {
        return relay.requests().stream()
                .filter(request -> request.line().matches(line))
                .count();
    }
}
