//! The contract of `Tables`, run against every backend: the embedded one
//! always, Azure Table Storage (or Azurite) when the environment variable
//! `ENTRADA_TEST_TABLES` holds a connection string.

#[cfg(test)]
mod agreement;
#[cfg(test)]
mod backends;
#[cfg(test)]
mod cases;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod file;
#[cfg(test)]
mod model;

/// Makes two tests of each case: one per backend.
macro_rules! contract {
    ($($module:ident: $($case:ident),+ $(,)?;)+) => {
        #[cfg(test)]
        mod embedded {
            $($(
                #[tokio::test]
                async fn $case() {
                    crate::cases::$module::$case(crate::backends::embedded().await).await;
                }
            )+)+
        }

        #[cfg(test)]
        mod azure {
            $($(
                #[tokio::test]
                async fn $case() {
                    if let Some(bench) = crate::backends::azure().await {
                        crate::cases::$module::$case(bench).await;
                    }
                }
            )+)+
        }
    };
}

contract! {
    rows:
        a_row_is_read_as_it_was_inserted,
        a_missing_row_is_none,
        creating_a_table_again_changes_nothing,
        a_table_that_was_not_created_is_named,
        of_fifty_concurrent_inserts_exactly_one_wins,
        replace_drops_what_is_not_named_and_merge_keeps_it,
        an_unconditional_write_makes_the_row_or_overwrites_it,
        every_value_type_survives_the_round_trip,
        keys_and_values_with_special_characters_are_only_data,
        storage_answers_a_ping;
    conditions:
        a_stale_etag_is_refused_by_replace_merge_and_delete,
        every_write_gives_another_etag,
        a_condition_on_a_missing_row_is_not_found,
        an_unconditional_delete_of_a_missing_row_succeeds,
        of_concurrent_writers_with_the_same_etag_exactly_one_wins;
    batches:
        a_batch_is_applied_in_full_and_answers_in_order,
        a_failed_batch_leaves_nothing,
        a_stale_etag_fails_the_whole_batch,
        a_batch_may_delete_rows_that_are_missing,
        an_empty_batch_does_nothing,
        a_hundred_operations_fit_and_one_more_does_not,
        a_batch_over_two_partitions_is_refused,
        a_row_may_be_in_a_batch_only_once,
        of_concurrent_batches_on_the_same_row_exactly_one_wins;
    queries:
        pages_hold_a_thousand_rows_and_continue,
        a_continuation_survives_being_handed_out,
        a_limit_makes_smaller_pages,
        a_page_limit_outside_one_to_a_thousand_is_refused,
        only_the_partition_that_was_asked_for_is_seen,
        ranges_and_prefixes_select_rows,
        rows_come_in_the_order_of_utf_16_units,
        a_prefix_is_not_a_pattern,
        only_selected_properties_come_with_keys_and_etag,
        all_pages_can_be_read_at_once_up_to_a_cap;
    filters:
        comparisons_select_by_value,
        a_missing_property_matches_no_comparison,
        another_type_is_unequal,
        filters_combine,
        special_characters_in_filters_are_only_data,
        filters_that_cannot_be_asked_are_refused;
    limits:
        forbidden_characters_in_keys_are_refused,
        keys_of_512_units_fit_and_longer_ones_do_not,
        texts_and_binaries_of_64_kib_fit_and_longer_ones_do_not,
        rows_of_nearly_1_mib_fit_and_larger_ones_do_not,
        too_many_properties_are_refused,
        property_names_are_checked,
        table_names_are_checked,
        batches_of_more_than_4_mib_are_refused,
        numbers_and_moments_outside_the_range_are_refused,
        a_long_text_is_split_and_joined;
    expiry:
        sweeping_deletes_what_has_ended_and_nothing_else,
        a_row_that_was_renewed_meanwhile_survives_the_sweep,
        sweeping_stops_at_the_number_that_was_given,
        expired_rows_are_found_across_partitions,
        a_whole_table_can_be_swept,
        a_whole_table_can_be_read_a_page_at_a_time;
}
