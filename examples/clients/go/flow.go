// The main flow with the client of openapi-generator: top up, see the balance arrive on the stream, move money, spend
// it, read the movements, and meet the errors that a program must tell apart. It needs the standard library only.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sort"
	"strings"
	"time"

	topup "topup.example/flow/topup"
)

func expect(holds bool, format string, values ...any) {
	if !holds {
		fmt.Fprintf(os.Stderr, "not so: "+format+"\n", values...)
		os.Exit(1)
	}
}

// need ends the program on a failure, and shows its problem.
func need[T any](value T, _ *http.Response, err error) T {
	expect(err == nil, "%v: %v", err, problemOf(err).Detail)
	return value
}

// problemOf reads the problem of a failed call; its zero value where the service did not answer.
func problemOf(err error) topup.Problem {
	var failed *topup.GenericOpenAPIError
	if errors.As(err, &failed) {
		if problem, ok := failed.Model().(topup.Problem); ok {
			return problem
		}
	}
	return topup.Problem{}
}

func key() string { return fmt.Sprintf("go-%d", time.Now().UnixNano()) }

func as(token string) context.Context {
	return context.WithValue(context.Background(), topup.ContextAccessToken, token)
}

// waitFor reads the stream until an event of this name. The generated call would wait for the end of the stream.
func waitFor(name string, opened chan<- bool, seen chan<- bool) {
	request, _ := http.NewRequest("GET", os.Getenv("TOPUP")+"/v1/balances/stream", nil)
	request.Header.Set("Authorization", "Bearer "+os.Getenv("CUSTOMER"))
	response, err := http.DefaultClient.Do(request)
	expect(err == nil && response.StatusCode == 200, "the stream opens: %v", err)
	defer response.Body.Close()
	opened <- true
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		if lines.Text() == "event: "+name {
			seen <- true
			return
		}
	}
	seen <- false
}

func main() {
	configuration := topup.NewConfiguration()
	configuration.Servers = topup.ServerConfigurations{{URL: os.Getenv("TOPUP")}}
	api := topup.NewAPIClient(configuration)
	customer, service, operator := as(os.Getenv("CUSTOMER")), as(os.Getenv("SERVICE")), as(os.Getenv("OPERATOR"))
	customerID := os.Getenv("CUSTOMER_ID")

	options := need(api.TopUpOptionsAPI.GetTopUpOptions(customer).Currency("CNY").Execute())
	expect(len(options.Presets) > 0, "there are presets")
	profile := topup.NewBillingProfileRequest("VN", "generated@example.com", "Generated Ltd")
	need(api.BillingProfileAPI.SaveBillingProfile(customer).BillingProfileRequest(*profile).Execute())
	quote := topup.NewQuoteRequest("80.00", "CNY")
	quote.SetChannel(topup.PAYMENTCHANNEL_BANK_TRANSFER)
	need(api.TopUpOptionsAPI.CreateQuote(customer).QuoteRequest(*quote).Execute())

	opened, seen := make(chan bool), make(chan bool, 1)
	go waitFor("order.updated", opened, seen)
	<-opened
	wish := topup.NewCreateTopUpOrder(true, "80.00", topup.PAYMENTCHANNEL_BANK_TRANSFER, "CNY")
	transfer := topup.NewBankTransferOptions("Test Bank", "Generated Ltd")
	wish.SetBankTransfer(*transfer)
	create := api.TopUpOrdersAPI.CreateTopUpOrder(customer).CreateTopUpOrder(*wish).IdempotencyKey(key())
	order := need(create.Execute())
	again, response, err := create.Execute()
	expect(err == nil && again.Id == order.Id, "the same key makes no second order")
	expect(response.Header.Get("Idempotent-Replayed") == "true", "and the answer says so")
	approval := topup.NewApproveTopUpOrder(key(), "80.00", time.Now().UTC().Format("2006-01-02"))
	approval.SetConfirmNotDuplicate(true)
	approved := need(api.AdminTopUpOrdersAPI.AdminApproveTopUpOrder(operator, order.Id).
		ApproveTopUpOrder(*approval).IdempotencyKey(key()).Execute())
	expect(approved.Status == topup.TOPUPORDERSTATUS_COMPLETED, "the order is %s", approved.Status)
	select {
	case told := <-seen:
		expect(told, "the stream tells of the order")
	case <-time.After(20 * time.Second):
		expect(false, "the stream tells of the order in time")
	}

	balances := need(api.BalancesAPI.ListBalances(customer).Currency("CNY").Product("").Execute())
	expect(balances.Balances[0].Available == "80.00", "available are %s", balances.Balances[0].Available)
	move := topup.NewCreateTransfer("30.00", "CNY")
	move.SetToProduct("whatsapp")
	need(api.TransfersAPI.CreateTransfer(customer).CreateTransfer(*move).IdempotencyKey(key()).Execute())
	spend := topup.NewCreateUsage("0.0125", "CNY", customerID, "go-"+customerID)
	spend.SetProduct("whatsapp")
	need(api.UsageAPI.CreateUsage(service).CreateUsage(*spend).Execute())

	var flows []string
	list := api.AccountFlowsAPI.ListAccountFlows(customer).Limit(2).Type_([]topup.AccountFlowType{
		topup.ACCOUNTFLOWTYPE_RECHARGE, topup.ACCOUNTFLOWTYPE_TRANSFER_OUT, topup.ACCOUNTFLOWTYPE_TRANSFER_IN,
		topup.ACCOUNTFLOWTYPE_CONSUME})
	for page := need(list.Execute()); ; page = need(list.Cursor(page.GetNextCursor()).Execute()) {
		for _, flow := range page.Data {
			flows = append(flows, string(flow.Type))
		}
		if !page.HasMore {
			break
		}
	}
	sort.Strings(flows)
	expect(strings.Join(flows, " ") == "consume recharge transfer_in transfer_out", "the movements are %v", flows)

	// The errors: by status and code, with what a program needs to go on.
	spend.Id, spend.Amount = spend.Id+"-2", "1000"
	_, _, err = api.UsageAPI.CreateUsage(service).CreateUsage(*spend).Execute()
	short := problemOf(err)
	expect(short.Status == 402 && short.InsufficientFunds.Shortfall == "970.0125", "too much is 402: %v", short)
	_, _, err = api.TopUpOptionsAPI.CreateQuote(customer).QuoteRequest(*topup.NewQuoteRequest("1.001", "CNY")).Execute()
	invalid := problemOf(err)
	expect(len(invalid.Errors) == 1 && invalid.Errors[0].Pointer == "/amount", "422 names the field: %v", invalid)
	_, _, err = api.TopUpOrdersAPI.GetTopUpOrder(customer, "tuo_00000000000000000000000000000000").Execute()
	expect(problemOf(err).Code == "not_found", "an unknown order is 404: %v", err)
	_, _, err = api.BalancesAPI.ListBalances(as("no-token")).Execute()
	expect(problemOf(err).Code == "unauthorized", "without a token it is 401: %v", err)

	fmt.Println("Go: the whole flow ran")
}
